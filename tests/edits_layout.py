"""A project that nobody has formatted."""

from __future__ import annotations

#: Anything that a formatter changes.
UGLY = {
    "lab.py": r"""
import  math , os
from .tools import ( helper,
   Thing as T )
K = { 'a':0XFF , "b" : 1E3,
      'c' : (1,) ,'d' : [ 1,2,
      3 ] } ; L = u"text"
class Base ( ) :


    'A base.'
    k=K [ "a" ]
    def go( self,*args , **kw ) :
        '''   Goes.
             At length.   '''
        return ( self.k+len( args ) )
class Mine( Base, ):
  def go(self,x ,):
    if (x) :  x+=1
    else: pass
    for (i) in (1,2,3): x+=i
    while(x>100): x//=2
    assert (x), ( "no" )
    try: y=x
    except (ValueError): y=0
    with (open(os.devnull)) as f, open( os.devnull ) as g : y += 0
    a,b=1,2
    del (a)
    del (b, y)
    c,d = 3, 4
    del c,d
    return(super( ).go( x ))
def f( x,y = 1,*,z :int=2 )->float :
    'Adds, in many words.   '
    total=x \
       + y
    name = f'{ x !r:>{ y+5 }}' "and" \
         'more' ; g=lambda a,b=3:(a+b)
    t = (yield_()) [ 0 :: 2 ] ; q=x if(x)else y
    first , *rest = [ i*2 for i in range( 3 ) if(i)]
    n = - x**-2 ; m = x if x is not None else(y)
    return ( total , name , g( 1 ) , t, q, first, rest, n, m , Mine( ).go( 2 ) , helper ( x=2 , ) ,
     T().v , 10_000 , 0O17, 0B11, 1J , L, math . floor( 2.5 ), z)
def yield_() :
    def gen():
        x = (yield 1)
        yield (x)
    return list( gen() )
""",
    "tools.py": """
def helper( x = 1, ) :
    return(x)
class Thing( object ) :
    v=( 1,
     2 )
""",
}
